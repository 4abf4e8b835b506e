using Broker.Client.Connections;
using Broker.Client.Leaders;
using Broker.Client.Requests;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    private static readonly TimeSpan s_leaderTimeout = TimeSpan.FromSeconds(2);

    private IConnectionSource SourceOf(string queue, ConsumerOptions options) =>
        options.PreferLeader ? new LeaderRoute(_leaders, _keeper, queue, staysUntilLost: options.Exclusive || !_options.RecoverConnection) : _keeper;

    private IConnectionSource SourceOf(PublisherOptions options) => options.LeaderOf.Length > 0
        ? new LeaderRoute(_leaders, _keeper, options.LeaderOf, staysUntilLost: !_options.RecoverConnection || (!options.Idempotent && options.ProducerId.Length == 0))
        : _keeper;

    /// <summary>Asks where a queue's leader is.</summary>
    /// <returns>Its address; empty if it is the node that was asked, or that does not know; <c>null</c> if there was no answer in time.</returns>
    private async Task<string?> LeaderOfAsync(string queue, CancellationToken cancellationToken)
    {
        var declaration = new QueueDeclaration(queue, new QueueOptions { Passive = true });
        using var timeout = new CancellationTokenSource(s_leaderTimeout, _options.TimeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var stream = await RequestsAsync(linked.Token).ConfigureAwait(false);
            return (await stream.AskAsync(declaration.Create(), declaration.Write, linked.Token).ConfigureAwait(false)).Leader;
        }
        catch (BrokerException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
