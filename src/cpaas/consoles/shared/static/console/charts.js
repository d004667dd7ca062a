// Draws canvas.chart by Chart.js; colours are resolved here, and again when the theme changes.
(() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const resolve = (color, root = getComputedStyle(document.documentElement)) => {
    const name = /var\((--[\w-]+)\)/.exec(color);
    paint.fillStyle = name ? root.getPropertyValue(name[1]).trim() : color;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = paint.getImageData(0, 0, 1, 1).data;
    return (alpha = 1) => `rgba(${r}, ${g}, ${b}, ${alpha})`;
  };
  Chart.defaults.font.family = "Inter, sans-serif";
  const draw = () => document.querySelectorAll("canvas.chart").forEach((canvas) => {
    const old = Chart.getChart(canvas);
    if (old) old.destroy();
    const data = JSON.parse(canvas.dataset.value), options = JSON.parse(canvas.dataset.options);
    const dark = document.documentElement.classList.contains("dark");
    data.datasets.forEach((set) => {
      const shown = dark ? set.color.replace("-600", "-500").replace("orange-500", "orange-400").replace("primary-500", "primary-400") : set.color;
      const color = resolve(shown);
      Object.assign(set, canvas.dataset.type === "line"
        ? { borderColor: color(), backgroundColor: color(0.12) }
        : { backgroundColor: color(), hoverBackgroundColor: color(0.8) });
    });
    const grey = resolve(dark ? "var(--color-base-400)" : "var(--color-base-500)");
    options.scales.x.ticks.color = options.scales.y.ticks.color = grey();
    options.scales.y.grid.color = resolve(dark ? "var(--color-base-800)" : "var(--color-base-200)")();
    options.plugins.tooltip = { callbacks: { label: (item) => ` ${item.dataset.label}: ${item.raw.toLocaleString("en")}` } };
    new Chart(canvas, { type: canvas.dataset.type, data, options });
  });
  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSwap", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["class"] });
})();
