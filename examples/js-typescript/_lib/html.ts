// What JSX becomes: a few lines instead of a library. tsconfig.json names `h`.

class Html {
  constructor(readonly text: string) {}
}

type Child = Html | string | number | boolean | null | undefined | Child[];
type Attributes = Record<string, string | number | boolean>;
type Component<P> = (props: P & { children: Child[] }) => Html;

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (text: string) => text.replace(/[&<>"]/g, (char) => escapes[char]!);
const empty = new Set(["br", "hr", "img", "input", "link", "meta"]);

function render(child: Child): string {
  if (child instanceof Html) return child.text;
  if (Array.isArray(child)) return child.map(render).join("");
  return typeof child === "string" || typeof child === "number" ? escape(`${child}`) : "";
}

export function h<P>(tag: string | Component<P>, props: P | null, ...children: Child[]): Html {
  if (typeof tag === "function") return tag({ ...props!, children });
  const attributes = Object.entries((props ?? {}) as Attributes)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escape(`${value}`)}"`));
  const open = `<${tag}${attributes.join("")}>`;
  return new Html(empty.has(tag) ? open : `${open}${render(children)}</${tag}>`);
}

export function page(body: Html): Response {
  const headers = { "content-type": "text/html; charset=utf-8" };
  return new Response(`<!doctype html>${body.text}`, { headers });
}

declare global {
  namespace JSX {
    type Element = Html;
    interface IntrinsicElements {
      [tag: string]: Attributes | { children?: Child };
    }
    interface ElementChildrenAttribute {
      children: Child;
    }
  }
}
