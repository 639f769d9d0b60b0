// The interface under /api/v1. An error becomes an Error with the server's words; 401 asks for the token first.

let askForToken = null;

export function onUnauthorized(handler) {
  askForToken = handler;
}

export async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== "" && one !== null && one !== undefined) query.append(name, String(one));
    }
  }
  const text = query.toString();
  const answer = await fetch(`/api/v1/${path}${text ? `?${text}` : ""}`, { signal, headers: { Accept: "application/json" } });
  if (answer.status === 401 && askForToken) {
    await askForToken();
    return get(path, parameters, signal);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ? `${body.error.what}${body.error.where ? ` (${body.error.where})` : ""}` : `the server answered ${answer.status}`);
  return body;
}

export async function logIn(token) {
  const answer = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
  if (answer.ok) return "";
  const body = await answer.json().catch(() => ({}));
  return body.error ? body.error.what : `the server answered ${answer.status}`;
}
