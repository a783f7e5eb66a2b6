// The physics of a metro train: running resistance, power, and how it moves between two stations.
// Pure functions in SI units (metres, seconds, tonnes where it says so). Knows nothing of passengers' habits or records.

/** A six-car metro train. */
export const TRAIN = {
  cars: 6,
  axles: 24,
  /** Places at 4 standing passengers per square metre, seats included. */
  capacity: 1000,
  /** Nobody gets in beyond this many. */
  crushLoad: 1350,
  /** Empty mass in tonnes. */
  tareTons: 200,
  /** Mean mass of a passenger in tonnes: 70 kg, the reference value of EN 15663 for urban and suburban trains. */
  passengerTons: 0.07,
  /** Wheels, gears and motors turn as well: their inertia acts like this share of the tare mass. */
  rotatingShare: 0.09,
  /** Front area in square metres. */
  frontArea: 9.5,
  /** Fastest, in m/s (80 km/h). */
  maxSpeed: 22.2,
  /** Acceleration up to `baseSpeed`, in m/s²; beyond, it falls so that acceleration × speed stays the same. */
  acceleration: 0.85,
  /** Speed up to which the full tractive effort is there, in m/s. */
  baseSpeed: 8.6,
  /** Service braking in m/s². */
  deceleration: 0.95,
  /** From the third rail to the wheel: inverter, motor, gear. */
  tractionEfficiency: 0.87,
  /** Share of the braking power at the wheel that gets back to the third rail. */
  regenerationEfficiency: 0.6,
  /** Regenerated power is limited by what the line can take, in kW; friction brakes do the rest. */
  maxRegenerationKw: 1800,
  /** Lights, compressors, control: kW, always. */
  auxiliaryKw: 110,
  /** Ventilation and cooling for each passenger, in kW. */
  comfortKwPerPassenger: 0.06,
} as const;

/** Total mass in tonnes. */
export function totalWeightTons(passengers: number): number {
  return TRAIN.tareTons + passengers * TRAIN.passengerTons;
}

/**
 * Running resistance in newtons at `speed` m/s on straight level track, by the Davis formula
 * `R = a + b·v + c·v²` in its original form (W. J. Davis Jr., "The Tractive Resistance of Electric Locomotives and Cars",
 * General Electric Review 29, 1926): `1.3 + 29/w + 0.045·V + K·A·V²/(w·n)` pounds per short ton, with V in mph, w the axle
 * load in short tons, A the front area in square feet and K 0.0024 for the leading car, 0.00034 for each that trails.
 * The constants below are those in newtons, tonnes, metres and seconds.
 */
export function resistanceN(massTons: number, speed: number): number {
  const perTon = 6.37 * massTons;
  const perAxle = 129 * TRAIN.axles;
  const flange = 0.494 * massTons * speed;
  const air = (0.575 + 0.0815 * (TRAIN.cars - 1)) * TRAIN.frontArea * speed ** 2;
  return speed === 0 ? 0 : perTon + perAxle + flange + air;
}

/**
 * Electrical power drawn from the third rail in kW; negative while braking feeds it back.
 * Force at the wheel is `(mass + rotating mass)·acceleration + resistance`, power is force × speed, divided by the efficiency
 * when driving and multiplied by it when braking; auxiliaries come on top.
 */
export function powerDrawKw(passengers: number, speed: number, acceleration: number): number {
  const massTons = totalWeightTons(passengers);
  const inertiaKg = (massTons + TRAIN.rotatingShare * TRAIN.tareTons) * 1000;
  const wheelKw = (inertiaKg * acceleration + resistanceN(massTons, speed)) * speed / 1000;
  const traction = wheelKw >= 0
    ? wheelKw / TRAIN.tractionEfficiency
    : Math.max(wheelKw * TRAIN.regenerationEfficiency, -TRAIN.maxRegenerationKw);
  return traction + TRAIN.auxiliaryKw + passengers * TRAIN.comfortKwPerPassenger;
}

/** Where a train is on its way to the next station. */
export interface Motion {
  /** Metres from the last station. */
  readonly distance: number;
  /** m/s. */
  readonly speed: number;
  /** m/s². */
  readonly acceleration: number;
}

/** The way from one station to the next: full effort, falling effort, cruising, braking. */
export interface Leg {
  readonly length: number;
  readonly duration: number;
  /** `elapsed` seconds after leaving, from 0 to `duration`. */
  at(elapsed: number): Motion;
}

/** Plans the leg over `length` metres as fast as the train can. */
export function planLeg(length: number): Leg {
  const { acceleration: a, baseSpeed: vb, deceleration: b } = TRAIN;
  const top = topSpeed(length);
  const fullTime = Math.min(top, vb) / a;
  const fullDistance = Math.min(top, vb) ** 2 / (2 * a);
  // Beyond the base speed a·v is constant: v² grows by 2·a·vb a second, and distance is the integral of its root.
  const fallingTime = top > vb ? (top ** 2 - vb ** 2) / (2 * a * vb) : 0;
  const fallingDistance = top > vb ? (top ** 3 - vb ** 3) / (3 * a * vb) : 0;
  const brakeTime = top / b;
  const brakeDistance = top ** 2 / (2 * b);
  const cruiseDistance = Math.max(0, length - fullDistance - fallingDistance - brakeDistance);
  const cruiseTime = cruiseDistance / top;
  const duration = fullTime + fallingTime + cruiseTime + brakeTime;
  return {
    length,
    duration,
    at(elapsed) {
      let t = Math.min(Math.max(elapsed, 0), duration);
      if (t < fullTime) return { distance: a * t * t / 2, speed: a * t, acceleration: a };
      t -= fullTime;
      if (t < fallingTime) {
        const speed = Math.sqrt(vb ** 2 + 2 * a * vb * t);
        const distance = fullDistance + (speed ** 3 - vb ** 3) / (3 * a * vb);
        return { distance, speed, acceleration: a * vb / speed };
      }
      t -= fallingTime;
      if (t < cruiseTime) {
        return { distance: fullDistance + fallingDistance + top * t, speed: top, acceleration: 0 };
      }
      const left = Math.max(0, brakeTime - (t - cruiseTime));
      return { distance: length - b * left * left / 2, speed: b * left, acceleration: -b };
    },
  };
}

/** The greatest speed from which the train can still brake before the next station, in m/s. */
function topSpeed(length: number): number {
  const { acceleration: a, baseSpeed: vb, deceleration: b, maxSpeed } = TRAIN;
  const needed = (top: number) =>
    (top <= vb ? top ** 2 / (2 * a) : vb ** 2 / (2 * a) + (top ** 3 - vb ** 3) / (3 * a * vb)) + top ** 2 / (2 * b);
  if (needed(maxSpeed) <= length) return maxSpeed;
  let low = 0;
  let high: number = maxSpeed;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (needed(middle) <= length) low = middle;
    else high = middle;
  }
  return low;
}
