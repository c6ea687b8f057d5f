-- The conditions follow kstatus. Stalled means that a person must act; Ready=False without it, that the operator is
-- at work or waits for what comes by itself. A new spec counts as progress until the operator has seen it.

local function health(status, message)
  return { status = status, message = message }
end

-- Argo CD itself asks this before it runs a script. Other users of the script do not.
if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "Pending deletion")
end

if obj.status == nil or obj.status.conditions == nil then
  return health("Progressing", "Waiting for the operator to write a status")
end

if (obj.status.observedGeneration or 0) < obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to see the changed spec")
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end

local function is_true(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

if is_true("Stalled") then
  return health("Degraded", conditions.Stalled.message)
end

local ready = conditions.Ready
if ready == nil then
  return health("Progressing", "Waiting for the condition Ready")
end

-- Deployments are Degraded for this reason too.
if ready.reason == "ProgressDeadlineExceeded" then
  return health("Degraded", ready.message)
end

if ready.status ~= "True" then
  return health("Progressing", ready.message)
end

if ready.reason == "Suspended" then
  return health("Suspended", ready.message)
end

if is_true("UpdateAvailable") then
  return health("Healthy", ready.message .. "; " .. conditions.UpdateAvailable.message)
end

return health("Healthy", ready.message)
