/** The document. Whatever strangers wrote reaches it as text only, here and nowhere else. */

/** @throws Error if the document has no such element: the page and its script must fit each other */
export const byId = (id: string): HTMLElement => {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the document has no #${id}`);
  return element;
};

export const input = (id: string): HTMLInputElement => byId(id) as HTMLInputElement;

type Child = Node | string;

/** An HTML element with attributes and children; a child that is text stays text. */
export const make = <Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] => {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
};

/** An SVG element. */
export const draw = (name: string, attributes: Readonly<Record<string, string | number>>, text = ''): SVGElement => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, String(value));
  element.textContent = text;
  return element;
};

/** Writes a text only where it is another: nothing is laid out for what has not changed. */
export const setText = (node: Node, text: string): void => {
  if (node.textContent !== text) node.textContent = text;
};

export const setAttribute = (element: Element, name: string, value: string): void => {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

/** Says something to whoever listens to the page instead of looking at it. */
export const say = (text: string): void => setText(byId('said'), text);
