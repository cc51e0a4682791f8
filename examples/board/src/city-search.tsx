/** A field that finds a city among all that are replicated here; arrows, Enter and Escape work as in any such list. */
import { useEffect, useState, type KeyboardEvent, type ReactNode } from 'react';
import type { BrowserDatabase } from 'crmesh';
import { citiesThatBegin, placeName, type City } from './cities.ts';

interface CitySearchProps {
  readonly db: BrowserDatabase;
  readonly chosen: City | undefined;
  readonly onChoose: (city: City | undefined) => void;
}

export function CitySearch({ db, chosen, onChoose }: CitySearchProps): ReactNode {
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const found = useCities(db, chosen === undefined ? text : '');
  const isOpen = found.length > 0;
  const choose = (city: City | undefined): void => {
    setText('');
    setActive(0);
    onChoose(city);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isOpen) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setActive((active + step + found.length) % found.length);
    else if (event.key === 'Enter') choose(found[active]);
    else if (event.key === 'Escape') choose(undefined);
    else return;
    event.preventDefault();
  };
  return (
    <div className="field city-search">
      <label htmlFor="city">City</label>
      <input
        id="city"
        role="combobox"
        aria-expanded={isOpen}
        aria-controls="cities"
        aria-autocomplete="list"
        aria-activedescendant={isOpen ? `city-${found[active]?.id}` : undefined}
        autoComplete="off"
        placeholder="Start of its name"
        value={chosen === undefined ? text : placeName(chosen)}
        onChange={({ target }) => {
          if (chosen !== undefined) onChoose(undefined);
          setText(target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
        onFocus={({ target }) => target.select()}
        onBlur={() => setText('')}
      />
      <ul id="cities" role="listbox" aria-label="Cities" hidden={!isOpen}>
        {found.map((city, index) => (
          <li
            key={city.id}
            id={`city-${city.id}`}
            role="option"
            aria-selected={index === active}
            // Before the field loses its focus.
            onPointerDown={(event) => {
              event.preventDefault();
              choose(city);
            }}
          >
            <CityName city={city} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function CityName({ city }: { readonly city: City }): ReactNode {
  const { name } = city;
  return (
    <>
      <b>{name}</b> <span>{placeName(city).slice(name.length + 2)}</span>
    </>
  );
}

/** Answers that come late are dropped. */
function useCities(db: BrowserDatabase, text: string): readonly City[] {
  const [found, setFound] = useState<readonly City[]>([]);
  useEffect(() => {
    let current = true;
    const show = (cities: readonly City[]): void => {
      if (current) setFound(cities);
    };
    citiesThatBegin(db, text).then(show, () => show([]));
    return () => {
      current = false;
    };
  }, [db, text]);
  return text === '' ? [] : found;
}
