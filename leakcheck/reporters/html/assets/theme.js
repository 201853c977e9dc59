// The button that switches between light and dark; until it is pressed, the browser's setting applies.
(() => {
  const button = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.style.colorScheme || (system.matches ? "dark" : "light")) === "dark";
  const relabel = () => { button.textContent = isDark() ? "☀ light" : "☾ dark"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.style.colorScheme = isDark() ? "light" : "dark";
    relabel();
  });
  system.addEventListener("change", relabel);
  relabel();

  // the target of a link may be folded, and so may a card that is printed
  const unfold = (target) => { for (let element = target; element; element = element.parentElement) if (element.tagName === "DETAILS") element.open = true; };
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
    for (const card of opened) card.open = true;
  });
  addEventListener("afterprint", () => { for (const card of opened) card.open = false; });
})();
