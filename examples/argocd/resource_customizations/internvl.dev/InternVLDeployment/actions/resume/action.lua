-- false and not nil: where Git says suspend: false, the resource is in sync either way.
obj.spec.suspend = false
return obj
