// The one file of this module that knows the engine.
#include "Modules/ModuleManager.h"

IMPLEMENT_MODULE(FDefaultModuleImpl, MusubiCore)
