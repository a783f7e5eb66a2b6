// A link to another page of the dashboard: followed without loading anything, and a link like any other for the browser.
import type { ComponentChildren } from "preact";
import { goTo, hrefOf } from "../address.ts";

export interface LinkProps {
  /** Path, and parameters of its own if there are any. */
  readonly to: string;
  readonly class?: string;
  readonly current?: boolean;
  readonly onFollow?: () => void;
  readonly children: ComponentChildren;
}

export function Link({ to, current, onFollow, children, ...rest }: LinkProps) {
  return (
    <a
      {...rest}
      href={hrefOf(to)}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        goTo(to);
        onFollow?.();
      }}
    >
      {children}
    </a>
  );
}
