-- Health of a NameServer, BrokerGroup, Topic or ConsumerGroup for Argo CD, from its conditions Ready, Reconciling, Stalled.
local hs = { status = "Progressing", message = "Waiting for the operator" }
local status = obj.status
if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Being deleted"
  return hs
end
if status == nil or status.conditions == nil then
  return hs
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local function is(type, value)
  return conditions[type] ~= nil and conditions[type].status == value
end

if conditions.Ready ~= nil and conditions.Ready.message ~= nil then
  hs.message = conditions.Ready.message
end
-- What is said of an older spec says nothing of this one.
if status.observedGeneration ~= obj.metadata.generation then
  if status.observedGeneration ~= nil then
    hs.message = "Waiting for the operator to see the change"
  end
  return hs
end
if is("Stalled", "True") then
  hs.status = "Degraded"
  hs.message = conditions.Stalled.message or hs.message
elseif is("Reconciling", "True") then
  hs.message = conditions.Reconciling.message or hs.message
elseif is("Ready", "True") then
  hs.status = "Healthy"
end
return hs
