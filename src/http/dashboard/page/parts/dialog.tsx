// A dialog over the page: the browser's own, which keeps the focus inside and closes with Escape.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    place.current?.showModal();
  }, []);
  return (
    <dialog ref={place} aria-label={title} onClose={onClose}>
      <div class="card-head">
        <h2>{title}</h2>
        <button type="button" onClick={() => place.current?.close()}>Close</button>
      </div>
      {children}
    </dialog>
  );
}
