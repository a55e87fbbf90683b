// Push messages on the telephone.
import { api } from "./api.js";

export async function register(device) {
  const token = await device.pushToken();
  if (!token) return null;
  return api.post("/devices", { token, platform: device.platform, locale: device.locale });
}

export function receive(message, navigation) {
  const target = message.data.booking ?? message.data.event;
  if (message.opened) navigation.open(target.path);
  return badge(message.data.unread);
}

export function badge(count) {
  return Math.min(count ?? 0, 99);
}
