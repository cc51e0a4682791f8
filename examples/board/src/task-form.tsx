/** Writes a new task. */
import { useRef, useState, type FormEvent, type ReactNode } from 'react';
import type { BrowserDatabase } from 'crmesh';
import type { City } from './cities.ts';
import { CitySearch } from './city-search.tsx';
import { addTask } from './tasks.ts';

export function TaskForm({ db }: { readonly db: BrowserDatabase }): ReactNode {
  const [city, setCity] = useState<City>();
  const [complaint, setComplaint] = useState('');
  const title = useRef<HTMLInputElement>(null);
  const add = async (): Promise<void> => {
    const text = title.current?.value.trim() ?? '';
    if (text === '') return setComplaint('Write what is to be done.');
    if (city === undefined) return setComplaint('Choose a city from the list.');
    setComplaint('');
    // At once: the next task may be typed while this one is written.
    clear(title.current);
    setCity(undefined);
    try {
      await addTask(db, { title: text, city: city.id });
    } catch (error) {
      giveBack(title.current, text);
      setComplaint(error instanceof Error ? error.message : String(error));
    }
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    void add();
  };
  return (
    <form className="task-form" onSubmit={onSubmit} aria-label="New task">
      <div className="field wide">
        <label htmlFor="title">Task</label>
        <input id="title" ref={title} maxLength={200} autoComplete="off" placeholder="What is to be done?" />
      </div>
      <CitySearch db={db} chosen={city} onChoose={setCity} />
      <button type="submit" className="main-button">
        Add task
      </button>
      <p className="complaint" role="alert">
        {complaint}
      </p>
    </form>
  );
}

function clear(field: HTMLInputElement | null): void {
  if (field !== null) field.value = '';
  field?.focus();
}

function giveBack(field: HTMLInputElement | null, text: string): void {
  if (field?.value === '') field.value = text;
}
