/** Types of what Vite resolves: style sheets and other files. */
/// <reference types="vite/client" />
