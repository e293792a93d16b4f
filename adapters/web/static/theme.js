// Before anything is painted: the colours that the visitor chose here, or the site around wants.
const wanted = new URLSearchParams(location.search).get("theme");
if (["light", "dark"].includes(wanted)) document.documentElement.dataset.theme = wanted;
try {
  const kept = localStorage.getItem("chat/theme");
  if (kept) document.documentElement.dataset.theme = kept;
} catch {
  // Forbidden: the page's own.
}
