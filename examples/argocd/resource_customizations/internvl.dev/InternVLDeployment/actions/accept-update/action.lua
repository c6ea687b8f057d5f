if obj.status == nil or obj.status.updateRevision == nil then
  error("there is no update to accept: status.updateRevision is empty", 0)
end
if obj.spec.rollout == nil then
  obj.spec.rollout = {}
end
obj.spec.rollout.acceptedRevision = obj.status.updateRevision
return obj
