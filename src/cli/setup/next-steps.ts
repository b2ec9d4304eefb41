/** What a new vault still needs. */
export type Setting = {
  /** It has a key store beside it. */
  readonly keyStore: boolean;
  /** Nobody has shown yet that the kit opens anything. */
  readonly kitUnchecked: boolean;
};

/** What to type next, for whoever made a vault for the first time. */
export function nextSteps({ keyStore, kitUnchecked }: Setting): readonly string[] {
  const steps: (readonly [line: string, what: string])[] = [
    ["lockstep scan FOLDER", "what is encrypted there, and how"],
  ];
  if (keyStore) steps.push(["lockstep key import LIST FOLDER", "stores the keys that you have, and what each opens"]);
  steps.push(
    ["lockstep protect NAME --disk PATH", "says what is to be backed up"],
    ["lockstep backup NAME", "takes a recovery point"],
  );
  if (keyStore) steps.push(["lockstep place add FOLDER --domain NAME", "one more place for copies of the key store"]);
  if (kitUnchecked) steps.push(["lockstep kit check", "once the pages are printed: shows that they open all"]);
  steps.push(["lockstep status", "what is missing"]);
  const width = Math.max(...steps.map(([line]) => line.length));
  return ["What comes next:", ...steps.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`)];
}
