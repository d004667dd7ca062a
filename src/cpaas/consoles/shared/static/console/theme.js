// Before the first paint: the theme and the sidebar as they were left.
(() => {
  const root = document.documentElement;
  const wanted = () => JSON.parse(localStorage.getItem("adminTheme") || '"auto"');
  const dark = () => wanted() === "dark" ||
    (wanted() === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const show = () => root.classList.toggle("dark", dark());
  show();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  window.chooseTheme = (name) => {
    localStorage.setItem("adminTheme", JSON.stringify(name));
    show();
  };
  window.wantedTheme = wanted;
  if (localStorage.getItem("sidebar") === "0") root.classList.add("narrow");
})();
