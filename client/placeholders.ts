/**
 * The expressions of one request. Every name and every value stands behind a placeholder: so an attribute may be called
 * `state`, `order` or `a.b`, which DynamoDB would take for words of its own or for a path.
 */
export class Placeholders {
  readonly #names = new Map<string, string>();
  readonly #values: unknown[] = [];

  /** The placeholder of an attribute's name. */
  name(attribute: string): string {
    const known = this.#names.get(attribute) ?? `#n${this.#names.size}`;
    this.#names.set(attribute, known);
    return known;
  }

  /** The placeholder of a value. */
  value(value: unknown): string {
    return `:v${this.#values.push(value) - 1}`;
  }

  equal(attribute: string, value: unknown): string {
    return `${this.name(attribute)} = ${this.value(value)}`;
  }

  oneOf(attribute: string, values: readonly unknown[]): string {
    if (values.length === 1) return this.equal(attribute, values[0]);
    return `${this.name(attribute)} IN (${values.map((value) => this.value(value)).join(', ')})`;
  }

  absent(attribute: string): string {
    return `attribute_not_exists(${this.name(attribute)})`;
  }

  get names(): Record<string, string> {
    return Object.fromEntries([...this.#names].map(([attribute, placeholder]) => [placeholder, attribute]));
  }

  get values(): Record<string, unknown> {
    return Object.fromEntries(this.#values.map((value, index) => [`:v${index}`, value]));
  }
}
