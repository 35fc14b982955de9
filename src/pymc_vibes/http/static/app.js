// Small conveniences; every page works without them.

const root = document.documentElement;

function themeNow() {
  const chosen = root.dataset.theme;
  if (chosen) return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function labelTheme(button) {
  button.textContent = themeNow() === "dark" ? "Light" : "Dark";
  button.setAttribute("aria-label", `Switch to ${button.textContent.toLowerCase()} colors`);
}

function offerTheme() {
  const button = document.getElementById("theme");
  if (!button) return;
  labelTheme(button);
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themeNow() === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    document.cookie = `theme=${next}; path=/; max-age=31536000; SameSite=Lax`;
    labelTheme(button);
    for (const figure of document.querySelectorAll("vibes-figure")) figure.replaceWith(figure); // redraws
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => labelTheme(button));
}

// of a union only the chosen alternative is shown and sent
function showVariant(union) {
  const chosen = union.querySelector("select").value;
  for (const variant of union.querySelectorAll(":scope > [data-variant]")) {
    const is_chosen = variant.dataset.variant === chosen;
    variant.hidden = !is_chosen;
    variant.disabled = !is_chosen;
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// a panel that an address points at is open
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const panel = target && (target.closest("details") ?? target.querySelector("details"));
  if (panel) panel.open = true;
}

function prepare(part) {
  for (const union of part.querySelectorAll("[data-union]")) showVariant(union);
  for (const button of part.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

document.addEventListener("change", (event) => {
  const union = event.target.closest?.("[data-union]");
  if (union && event.target.matches("select")) showVariant(union);
  if (event.target.matches?.("[data-reload]")) {
    const address = new URL(event.target.form.action);
    address.search = new URLSearchParams({ [event.target.name]: event.target.value });
    location.assign(address);
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});

// an upload is sent once, however often the button is pressed
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-once]")) return;
  const button = event.target.querySelector("button.main");
  button.textContent = "Uploading …";
  setTimeout(() => { button.disabled = true; });
});

addEventListener("pageshow", (event) => {
  if (event.persisted) for (const button of document.querySelectorAll("[data-once] button.main")) button.disabled = false;
});
addEventListener("hashchange", openTarget);

offerTheme();
prepare(document);
openTarget();
