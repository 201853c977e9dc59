// A button that turns light to dark and back; until it is pressed, the reader's own setting holds.
(() => {
  const button = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.style.colorScheme || (system.matches ? "dark" : "light")) === "dark";
  const say = () => { button.textContent = isDark() ? "☀ light" : "☾ dark"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.style.colorScheme = isDark() ? "light" : "dark";
    say();
  });
  system.addEventListener("change", say);
  say();

  // what a link points at may be folded away, and paper cannot be unfolded
  const unfold = (target) => { for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true; };
  const follow = () => unfold(location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null);
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) unfold(document.getElementById(link.getAttribute("href").slice(1)));
  });
  follow();
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".card:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
