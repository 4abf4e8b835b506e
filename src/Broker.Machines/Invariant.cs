using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines;

/// <summary>A programmer's mistake, found at run time. It is never caused by what a peer or an operator sends.</summary>
public sealed class InvariantViolationException(string message) : Exception($"Invariant violated: {message}");

/// <summary>Checks that stay on in production: state that contradicts itself must not be served, let alone stored.</summary>
public static class Invariant
{
    /// <summary>Throws unless the condition holds.</summary>
    /// <exception cref="InvariantViolationException">The condition does not hold.</exception>
    public static void That([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
        {
            Fail(message);
        }
    }

    [DoesNotReturn]
    [StackTraceHidden]
    private static void Fail(string message) => throw new InvariantViolationException(message);
}
