local suspended = obj.spec.suspend == true

local rollout = obj.spec.rollout or {}
local update = (obj.status or {}).updateRevision
local acceptable = update ~= nil and update ~= rollout.acceptedRevision

return {
  suspend = { disabled = suspended },
  resume = { disabled = not suspended },
  restart = { disabled = suspended },
  ["accept-update"] = { disabled = not acceptable },
}
