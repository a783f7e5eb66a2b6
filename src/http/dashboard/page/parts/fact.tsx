// A name and a value, within a `dl` of class `facts`.

interface FactProps {
  readonly name: string;
  readonly value: string;
  readonly bad?: boolean;
  /** What else there is to say where the pointer rests. */
  readonly title?: string;
}

export function Fact({ name, value, bad, title }: FactProps) {
  return (
    <div class={bad ? "fact-bad" : ""} title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
