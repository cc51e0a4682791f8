/** Starts the page: opens the database, then shows the board, or says why not. */
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import './board.css';
import { Notice } from './notice.tsx';
import { openBoard } from './open-board.ts';
import { relayAddressOf } from './relay-address.ts';

const root = createRoot(document.querySelector('#board')!);
const relay = relayAddressOf(new URL(location.href));

if (relay === undefined) {
  root.render(<Notice title="That is no address of a relay">Give one like ws://127.0.0.1:8787/cities.</Notice>);
} else {
  root.render(<Notice title="Opening the database…" isBusy />);
  openBoard(relay).then(
    (board) => root.render(<App board={board} />),
    (error: Error) => root.render(<Notice title="The database cannot be opened">{error.message}</Notice>),
  );
}
