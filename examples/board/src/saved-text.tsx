/** A text that is edited where it stands: Enter or leaving saves it, Escape takes it back. */
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react';

interface SavedTextProps {
  readonly label: string;
  readonly value: string;
  readonly onSave: (value: string) => void;
}

export function SavedText({ label, value, onSave }: SavedTextProps): ReactNode {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    // What another replica wrote is shown at once, but not into the hands of somebody who writes here.
    if (area.current !== null && area.current !== document.activeElement) area.current.value = value;
  }, [value]);
  const save = (): void => {
    const text = area.current?.value.trim().replaceAll(/\s+/g, ' ') ?? '';
    if (text !== '' && text !== value) onSave(text);
    else if (area.current !== null) area.current.value = value;
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    event.preventDefault();
    if (event.key === 'Escape') event.currentTarget.value = value;
    event.currentTarget.blur();
  };
  return (
    <textarea
      ref={area}
      className="saved-text"
      aria-label={label}
      rows={1}
      maxLength={200}
      defaultValue={value}
      onBlur={save}
      onKeyDown={onKeyDown}
    />
  );
}
