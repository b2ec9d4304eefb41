import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const program = join(import.meta.dirname, "../bin/lockstep");

/** A host that has Lockstep: what it knows lies in the folder `host`, and is lost when the host burns. */
export class DemoHost {
  readonly #folder: string;
  readonly #own: string;

  /** @param folder  where its commands are run; other things may lie there */
  constructor(folder: string) {
    this.#folder = folder;
    this.#own = join(folder, "host");
    this.#install();
  }

  /** Runs a command as a user would, and shows it. @param expected  the exit code that it must have */
  run(command: string, expected = 0): void {
    console.log(`\n$ lockstep ${command}`);
    const { status } = spawnSync(program, command.split(" "), {
      cwd: this.#folder,
      stdio: ["ignore", "inherit", "inherit"],
      env: this.#environment(),
    });
    if (status !== expected)
      throw new Error(`lockstep ${command} should have ended with ${expected}, not with ${status}`);
  }

  /** What a command prints with --json. @throws Error when it ends with another exit code than 0 */
  ask<T>(...args: readonly string[]): T {
    const text = execFileSync(program, ["--json", ...args], { cwd: this.#folder, env: this.#environment() });
    return JSON.parse(text.toString()) as T;
  }

  /** All that the host had is gone, also what ran; another one takes its place. */
  burn(): void {
    this.shutDown();
    rmSync(this.#own, { recursive: true });
    this.#install();
  }

  /** Ends the key side, which would end by itself when nobody asks it anything for five minutes. */
  shutDown(): void {
    const lock = join(this.#own, "state/keys/lock");
    if (!existsSync(lock)) return;
    const pid = Number(readFileSync(lock, "utf8"));
    if (pid > 1 && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
  }

  #install(): void {
    mkdirSync(this.#own);
    writeFileSync(join(this.#own, "config.toml"), "");
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      LOCKSTEP_CONFIG: join(this.#own, "config.toml"),
      LOCKSTEP_STATE_DIR: join(this.#own, "state"),
      LOCKSTEP_VAULT: join(this.#folder, "vault"),
    };
  }
}

/**
 * Reads from the kit's page what a person types from the printed one, puts the share into the file `share`, and takes the page
 * out of the host.
 * @returns the copy-signing key
 */
export function printKit(folder: string): string {
  const pages = join(folder, "kit");
  const [page = ""] = readdirSync(pages).map((name) => readFileSync(join(pages, name), "utf8"));
  const groups = (frame: string): string => {
    const [, text = ""] = new RegExp(`<div class="${frame}">[^]*?<pre>([^]*?)</pre>`).exec(page) ?? [];
    return text.replaceAll(/<i>.*?<\/i>|\s/g, "");
  };
  writeFileSync(join(folder, "share"), groups("share"), { mode: 0o600 });
  rmSync(pages, { recursive: true });
  return groups("public");
}
