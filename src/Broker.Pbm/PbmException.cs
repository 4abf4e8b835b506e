namespace Broker.Pbm;

/// <summary>A command failed for a reason that its user can act on.</summary>
/// <param name="exitCode">What the shell gets.</param>
/// <param name="code">The name of the error, such as NOT_FOUND; empty for a failure that has none.</param>
/// <param name="reason">One line.</param>
internal sealed class PbmException(ExitCode exitCode, string code, string reason)
    : Exception(code.Length > 0 ? $"{code}: {reason}" : reason)
{
    /// <summary>What the shell gets.</summary>
    public ExitCode ExitCode { get; } = exitCode;
}
