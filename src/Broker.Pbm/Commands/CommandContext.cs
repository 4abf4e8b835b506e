using Broker.Pbm.Session;

namespace Broker.Pbm.Commands;

/// <summary>What a running command has at hand.</summary>
/// <param name="Console">Where to write.</param>
/// <param name="Json">Write JSON lines.</param>
/// <param name="Timeout">How long to wait for each answer.</param>
/// <param name="ConnectAsync">The session, connected on the first call.</param>
internal sealed record CommandContext(PbmConsole Console, bool Json, TimeSpan Timeout, Func<CancellationToken, Task<IBrokerSession>> ConnectAsync)
{
    /// <summary>Waits for one answer, at most <see cref="Timeout"/>.</summary>
    /// <param name="answer">What is waited for.</param>
    /// <param name="what">Names it in the error.</param>
    /// <param name="cancellationToken">Ctrl-C.</param>
    /// <exception cref="PbmException">It did not come in time.</exception>
    public async Task<T> WithinAsync<T>(Task<T> answer, string what, CancellationToken cancellationToken)
    {
        try
        {
            return await answer.WaitAsync(Timeout, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new PbmException(ExitCode.Timeout, "", $"no {what} within {Timeout.TotalSeconds:0.###} s");
        }
    }
}
