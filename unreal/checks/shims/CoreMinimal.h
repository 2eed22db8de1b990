#pragma once
#include "ShimObject.h"
