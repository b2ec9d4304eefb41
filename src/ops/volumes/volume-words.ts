/** A volume of a disk, as messages name it. */
export function volumeWords(disk: string, volume: string): string {
  return volume === "disk" ? `disk ${disk}` : `disk ${disk}, volume ${volume}`;
}
