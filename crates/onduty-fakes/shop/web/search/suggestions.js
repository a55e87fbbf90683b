// Suggestions while the customer types.
import { debounce } from "../shared/time.js";

const LONGEST = 8;
let newest = 0;

export async function suggest(text) {
  const turn = ++newest;
  const answer = await fetch(`/search/suggest?q=${encodeURIComponent(text)}`);
  const found = await answer.json();
  // An older answer that arrives late is no answer any more.
  return turn === newest ? found.slice(0, LONGEST) : null;
}

export function show(list, found) {
  list.replaceChildren(...found.map(option));
  list.hidden = found.length === 0;
}

function option(suggestion) {
  const item = document.createElement("li");
  item.role = "option";
  item.textContent = suggestion.title;
  item.dataset.venue = suggestion.venue.name;
  return item;
}

export const onInput = debounce(async (event) => {
  const found = await suggest(event.target.value.trim());
  if (found) show(event.target.nextElementSibling, found);
}, 120);
