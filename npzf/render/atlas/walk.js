// The address chooses the view: "#" the net, "#conv3" a wall, "#conv3/17" a map; links, search and keys change the address.

const main = document.querySelector("main");
const nav = document.querySelector("header nav");
const search = document.querySelector("#search");
const message = document.querySelector("header output");
const introduction = main.querySelector("p");
let current = {};

function parse(hash) {
  let text = hash.slice(1);
  try { text = decodeURIComponent(text); } catch { return { unknown: text }; }
  const named = (name) => ATLAS.layers.find((layer) => layer.name === name);
  const cut = text.lastIndexOf("/");
  const [layer, number] = [named(text.slice(0, cut)), text.slice(cut + 1)];
  if (named(text)) return { layer: named(text) };
  if (layer && /^\d+$/.test(number) && Number(number) < layer.maps) return { layer, map: Number(number) };
  return text ? { unknown: text } : {};
}

function show() {
  const before = current;
  current = parse(location.hash);
  const { layer, map, unknown } = current;
  message.textContent = unknown ? `There is no ${unknown} in this atlas.` : "";
  near.disconnect();
  main.replaceChildren(...(map !== undefined ? mapView(current) : layer ? wallView(current) : netView()));
  const name = layer && (map === undefined ? layer.name : `${layer.name} map ${map}`);
  document.title = [name, ATLAS.title].filter(Boolean).join(" · ");
  for (const link of nav.children) {
    link.removeAttribute("aria-current");
    if (link.textContent !== layer?.name) continue;
    link.setAttribute("aria-current", "page");
    link.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  const back = layer && layer === before.layer && map === undefined && before.map !== undefined;
  if (back) main.querySelector(".wall").children[before.map].focus();
  else window.scrollTo(0, 0);
  if (!back && before.layer !== layer) main.focus({ preventScroll: true });
}

const words = (text) => text.toLowerCase().split(/[\s/]+/).filter(Boolean);
const called = (name) => ATLAS.layers.find((layer) => words(layer.name).join("/") === name);

// "conv3 17", "conv3/17", "conv3", or "17" in the current layer; part of a layer's name is enough. A layer may be called "0".
function find(query) {
  const parts = words(query);
  const whole = called(parts.join("/"));
  if (whole && !(current.layer && /^\d+$/.test(parts.join("/")))) return address(whole);
  const number = parts.length && /^\d+$/.test(parts.at(-1)) ? Number(parts.pop()) : undefined;
  const name = parts.join("/");
  const part = (one) => words(one.name).join("/").includes(name);
  const layer = name ? called(name) || ATLAS.layers.find(part) : current.layer;
  if (!layer || (number !== undefined && number >= layer.maps)) return null;
  return address(layer, number);
}

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const found = find(search.value);
  if (!found) {
    message.textContent = `There is no such map. Try ${search.placeholder}.`;
    return;
  }
  search.value = "";
  search.blur();
  message.textContent = "";
  if (location.hash === found) show();
  location.hash = found;
});

function move(step) {
  const to = current.map + step;
  if (to < 0 || to >= current.layer.maps) return;
  history.replaceState(null, "", address(current.layer, to)); // so that Back leads to the wall
  show();
}

function walk(key) {
  const wall = main.querySelector(".wall");
  const all = [...wall.children];
  const columns = getComputedStyle(wall).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  const at = all.indexOf(document.activeElement);
  const to = all[at < 0 ? 0 : at + step];
  if (at < 0 && Math.abs(step) > 1) return false; // up and down scroll until a map has been chosen
  to?.focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const typing = event.target === search;
  if (event.key === "Escape" && typing) search.blur();
  else if (typing) return;
  else if (event.key === "Escape" && current.layer) location.hash = current.map === undefined ? "#" : address(current.layer);
  else if (event.key === "/") search.focus();
  else if (current.map !== undefined && event.key === "ArrowLeft") move(-1);
  else if (current.map !== undefined && event.key === "ArrowRight") move(1);
  else if (current.layer && current.map === undefined && event.key.startsWith("Arrow")) {
    if (!walk(event.key)) return;
  } else return;
  event.preventDefault();
});

main.addEventListener("pointerover", mark);
addEventListener("hashchange", show);
const example = ATLAS.layers.at(-1);
search.placeholder = `${example.name} ${Math.min(17, example.maps - 1)}`;
nav.append(...ATLAS.layers.map((layer) => el("a", { href: address(layer) }, layer.name)));
show();
