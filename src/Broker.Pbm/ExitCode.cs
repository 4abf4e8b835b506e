namespace Broker.Pbm;

/// <summary>What <c>pbm</c> returns to the shell (docs/pbm.md). Stable.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>The node refused or failed, or a message was returned or rejected.</summary>
    Failed = 1,

    /// <summary>The command line is wrong.</summary>
    Usage = 2,

    /// <summary>No connection: nobody answers, the certificates are refused or missing, the QUIC library is missing.</summary>
    CannotConnect = 3,

    /// <summary>No answer within <c>--timeout</c>.</summary>
    Timeout = 4,

    /// <summary>The connection ended in the middle.</summary>
    ConnectionLost = 5,

    /// <summary>Ctrl-C or SIGTERM, as a shell reports it.</summary>
    Interrupted = 130,
}
