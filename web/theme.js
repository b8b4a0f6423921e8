// Applies the chosen theme before the first paint; a plain script, so that the page does not flash.
try {
  const theme = localStorage.getItem("lastsave.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage, the system's theme it is.
}
