// Applies what the page looks like before the first paint; a plain script, so that the page does not flash.
{
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search);
  let theme;
  if (asked.has("embed")) {
    // Inside another page: that page decides.
    root.dataset.embed = asked.get("embed");
    if (asked.has("readonly")) root.dataset.readonly = "";
    theme = asked.get("theme");
  } else {
    try {
      theme = localStorage.getItem("lastsave.theme");
    } catch {
      // Without storage, the system's theme it is.
    }
  }
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
}
