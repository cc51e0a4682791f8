/**
 * A text that is edited where it stands: Enter or leaving saves it, Escape takes it back.
 *
 * What another replica wrote is shown at once, but not into the hands of somebody who writes here; and what was not
 * typed here is not saved here. Somebody else may take the field away meanwhile: what was typed is saved then, too.
 */
import { useEffect, useEffectEvent, useRef, type KeyboardEvent, type RefObject } from 'react';

type TextField = HTMLInputElement | HTMLTextAreaElement;

/** Properties of the field. */
export interface SavedText<Field extends TextField> {
  readonly ref: RefObject<Field | null>;
  readonly defaultValue: string;
  readonly onBlur: () => void;
  readonly onKeyDown: (event: KeyboardEvent<Field>) => void;
}

export function useSavedText<Field extends TextField>(value: string, onSave: (text: string) => void): SavedText<Field> {
  const ref = useRef<Field>(null);
  /** What stands in the field without anybody's typing. */
  const shown = useRef(value);
  const show = (text: string): void => {
    shown.current = text;
    if (ref.current !== null) ref.current.value = text;
  };
  const save = (field: Field | null): void => {
    const typed = field?.value ?? shown.current;
    const text = typed.trim().replaceAll(/\s+/g, ' ');
    const isTyped = text !== '' && typed !== shown.current;
    if (isTyped && text !== value) onSave(text);
    show(isTyped ? text : value);
  };
  const saveAtEnd = useEffectEvent(save);
  useEffect(() => {
    const field = ref.current;
    return () => saveAtEnd(field);
  }, []);
  const showAnew = useEffectEvent(show);
  useEffect(() => {
    if (ref.current !== document.activeElement) showAnew(value);
  }, [value]);
  const onKeyDown = (event: KeyboardEvent<Field>): void => {
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    event.preventDefault();
    if (event.key === 'Escape') show(value);
    event.currentTarget.blur();
  };
  return { ref, defaultValue: value, onBlur: () => save(ref.current), onKeyDown };
}
