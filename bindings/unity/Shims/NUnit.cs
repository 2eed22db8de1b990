// What the package's own tests use of NUnit and of Unity's test framework. Never shipped.
using System;

namespace NUnit.Framework
{
    public sealed class TestAttribute : Attribute { }

    public static class Assert
    {
        public static void IsTrue(bool condition, string message = "") { if (!condition) throw new Exception("not true: " + message); }
        public static void IsFalse(bool condition, string message = "") { if (condition) throw new Exception("not false: " + message); }

        public static void AreEqual(object expected, object actual, string message = "")
        {
            if (!Equals(expected, actual))
                throw new Exception(message + ": " + actual + " instead of " + expected);
        }
    }
}

namespace UnityEngine.TestTools
{
    public sealed class UnityTestAttribute : Attribute { }

    public static class LogAssert { public static bool ignoreFailingMessages { get; set; } }
}
