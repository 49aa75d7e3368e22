/* A colour for each class: even steps of hue in OKLCH, at two lightnesses that stand out. */

function srgb(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue), b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((value) => {
    const bounded = Math.min(1, Math.max(0, value));
    const coded = bounded <= 0.0031308 ? 12.92 * bounded : 1.055 * bounded ** (1 / 2.4) - 0.055;
    return Math.round(255 * coded);
  });
}

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const stillScheme = matchMedia("(prefers-reduced-motion: reduce)");

/* Neighbouring labels get hues far apart, as labels of a kind often follow one another. */
function classColours(classes, dark) {
  const step = [3, 7, 5, 2, 1].find((k) => gcd(k, classes) === 1);
  const pair = dark ? [0.83, 0.68] : [0.46, 0.6];
  return Array.from({ length: classes }, (_, label) => {
    const place = (label * step) % classes;
    return srgb(pair[place % 2], 0.15, 0.35 + (2 * Math.PI * place) / classes);
  });
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

const colours = { rgb: [], css: [], paper: [], ink: [], faint: [] };

function readColours() {
  const probe = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  };
  colours.rgb = classColours(about.classes.length, darkScheme.matches);
  colours.css = colours.rgb.map((rgb) => `rgb(${rgb.join(" ")})`);
  for (const name of ["paper", "ink", "faint"]) colours[name] = probe(`--${name}`);
}
