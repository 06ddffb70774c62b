// Which cameras stand near one.

type Placed = {
  id: string;
  name: string;
  site: string;
  mount?: { latitude_e7: number; longitude_e7: number } | null;
};

const METRES_PER_E7 = 0.011132;

/** How far two places are apart, on a flat ground. Units: metres. */
export function metresApart(a: NonNullable<Placed["mount"]>, b: NonNullable<Placed["mount"]>): number {
  const north = (a.latitude_e7 - b.latitude_e7) * METRES_PER_E7;
  const narrow = Math.cos((a.latitude_e7 / 1e7) * (Math.PI / 180));
  return Math.hypot(north, (a.longitude_e7 - b.longitude_e7) * METRES_PER_E7 * narrow);
}

/** The camera itself and the nearest others: by place where it is known, else those of its site, by name. */
export function nearest<T extends Placed>(camera: T, all: readonly T[], most: number): T[] {
  const own = camera.mount;
  const far = (one: T) => (own && one.mount ? metresApart(own, one.mount) : one.site === camera.site ? 0 : Infinity);
  const others = all
    .filter((one) => one.id !== camera.id)
    .map((one) => ({ one, far: far(one) }))
    .filter(({ far }) => far < Infinity)
    .sort((a, b) => a.far - b.far || (a.one.name < b.one.name ? -1 : 1));
  return [camera, ...others.slice(0, most - 1).map(({ one }) => one)];
}
