-- lua health.test.lua: health.lua over samples of status, as Argo CD runs it (obj is global, the result a table).
local folder = arg[0]:match("^(.*)/") or "."
local file = assert(io.open(folder .. "/health.lua"))
local source = file:read("a")
file:close()

local function conditions(ready, reconciling, stalled)
  local list = {}
  local function add(type, value)
    if value then
      list[#list + 1] = { type = type, status = value, reason = "Why", message = type .. " says why" }
    end
  end
  add("Ready", ready)
  add("Reconciling", reconciling)
  add("Stalled", stalled)
  return list
end
local function object(generation, status, deleted)
  return { metadata = { name = "main", generation = generation, deletionTimestamp = deleted }, status = status }
end

local cases = {
  { "no status", object(1, nil), "Progressing", "Waiting for the operator" },
  { "a status without conditions", object(1, {}), "Progressing", "Waiting for the operator" },
  { "the status that the API server gives at first",
    object(1, { conditions = conditions("Unknown") }), "Progressing", "Ready says why" },
  { "ready", object(2, { observedGeneration = 2, conditions = conditions("True", "False", "False") }), "Healthy", "Ready says why" },
  { "ready, the others absent", object(2, { observedGeneration = 2, conditions = conditions("True") }), "Healthy", "Ready says why" },
  { "ready, but the spec changed since",
    object(3, { observedGeneration = 2, conditions = conditions("True", "False", "False") }), "Progressing",
    "Waiting for the operator to see the change" },
  { "ready, and nobody knows for which spec", object(3, { conditions = conditions("True") }), "Progressing", "Ready says why" },
  { "reconciling", object(1, { observedGeneration = 1, conditions = conditions("False", "True", "False") }), "Progressing", "Reconciling says why" },
  { "ready while reconciling", object(1, { observedGeneration = 1, conditions = conditions("True", "True", "False") }), "Progressing", "Reconciling says why" },
  { "unknown", object(1, { observedGeneration = 1, conditions = conditions("Unknown", "False", "False") }), "Progressing", "Ready says why" },
  { "not ready", object(1, { observedGeneration = 1, conditions = conditions("False", "False", "False") }), "Progressing", "Ready says why" },
  { "stalled", object(1, { observedGeneration = 1, conditions = conditions("False", "False", "True") }), "Degraded", "Stalled says why" },
  { "stalled, but the spec changed since",
    object(2, { observedGeneration = 1, conditions = conditions("False", "False", "True") }), "Progressing",
    "Waiting for the operator to see the change" },
  { "being deleted",
    object(2, { observedGeneration = 2, conditions = conditions("True") }, "2030-01-01T00:00:00Z"), "Progressing", "Being deleted" },
}

local failed = 0
for _, case in ipairs(cases) do
  local name, sample, status, message = table.unpack(case)
  -- Argo CD has the base, string and table libraries only.
  local env = { obj = sample, ipairs = ipairs, pairs = pairs, string = string, table = table, tostring = tostring }
  local hs = assert(load(source, "health.lua", "t", env))()
  if hs.status ~= status or hs.message ~= message then
    failed = failed + 1
    print(("FAILED %s: %s (%s) instead of %s (%s)"):format(name, hs.status, hs.message, status, message))
  end
end
print(("health.lua: %d passed, %d failed"):format(#cases - failed, failed))
os.exit(failed == 0 and 0 or 1)
