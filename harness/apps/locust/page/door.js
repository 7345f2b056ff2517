// Comes in with the token of the address, or of the form, or with the cookie of before.

const part = (id) => document.getElementById(id);
const place = document.body.dataset.place;

/** The same page once more, now with the cookie; the fragment is gone by then. */
const comeIn = () => location.replace(location.pathname + location.search);

async function enter(token) {
  const answer = await fetch(`${place}session`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
    credentials: "same-origin", redirect: "error",
  });
  if (answer.ok) comeIn();
  else part("said").textContent = await answer.text();
}

const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (location.hash) history.replaceState(null, "", location.pathname + location.search);
part("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(part("token").value);
});
if (token) await enter(token);
// A link of another site was followed: browsers send the cookie only from the second step on.
else if ((await fetch(`${place}known`, { credentials: "same-origin" })).ok) comeIn();
