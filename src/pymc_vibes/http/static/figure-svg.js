// Make one SVG element.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An element with attributes, and text that is never read as markup. */
export function element(tag, attributes = {}, text = "") {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}
