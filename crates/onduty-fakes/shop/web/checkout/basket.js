// The basket in the customer's browser: kept across pages, checked by the server when it matters.
import { money } from "../shared/money.js";
import { read, write } from "../shared/storage.js";

const KEY = "basket";

export function add(seat) {
  const seats = read(KEY, []);
  if (seats.some((known) => known.id === seat.id)) return seats;
  return write(KEY, [...seats, seat]);
}

export function remove(id) {
  return write(KEY, read(KEY, []).filter((seat) => seat.id !== id));
}

export function total(seats, venue) {
  const cents = seats.reduce((sum, seat) => sum + seat.cents, 0);
  return money(cents, venue.price.currency);
}

export function render(root, venue) {
  const seats = read(KEY, []);
  root.querySelector("[data-count]").textContent = String(seats.length);
  root.querySelector("[data-total]").textContent = total(seats, venue);
  root.hidden = seats.length === 0;
}

export async function submit(event) {
  const answer = await fetch("/bookings", { method: "POST", body: new FormData(event.target) });
  if (answer.status === 409) return render(event.target, await answer.json());
  write(KEY, []);
  location.assign(answer.url);
}
