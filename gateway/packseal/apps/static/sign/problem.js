/** What a person can put right: its message is one line in English, which words.js translates. */
export class InputError extends Error {}
