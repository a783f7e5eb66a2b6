// A name and a value, within a `dl` of class `facts`.

export function Fact({ name, value, bad }: { readonly name: string; readonly value: string; readonly bad?: boolean }) {
  return (
    <div class={bad ? "fact-bad" : ""}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
