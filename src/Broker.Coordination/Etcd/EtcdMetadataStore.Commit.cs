using Broker.Coordination.Etcd.Grpc;

namespace Broker.Coordination.Etcd;

/// <summary>Transactions.</summary>
public sealed partial class EtcdMetadataStore
{
    private const int MaxCommits = 256; // under way at the same time; the others wait, so that etcd's own queue does not grow until it refuses
    private readonly SemaphoreSlim _commits = new(MaxCommits);

    /// <inheritdoc/>
    /// <exception cref="MetadataUnavailableException">etcd does not answer, or refuses it: it has no space left, or does not let this client.</exception>
    public Task<MetadataCommit> CommitAsync(MetadataTransaction transaction, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckTransaction(transaction);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<MetadataCommit>(cancellationToken);
        }

        // It goes on when the caller gives up waiting, to leave its mark free for the next one.
        var encoded = new EtcdTransaction(transaction, _keys);
        var answered = UntilClosedAsync(closing => encoded.Writes ? WriteAsync(encoded, closing) : TestAsync(encoded, closing), CancellationToken.None);
        return cancellationToken.CanBeCanceled ? answered.WaitAsync(cancellationToken) : answered;
    }

    private async Task<MetadataCommit> WriteAsync(EtcdTransaction transaction, CancellationToken closing)
    {
        if (!await _commits.WaitAsync(_members.Options.Patience, closing))
        {
            throw new MetadataUnavailableException($"{MaxCommits} transactions are under way, and none has ended for {_members.Options.Patience.TotalSeconds:0} s", nothingChanged: true);
        }

        try
        {
            return await new EtcdCommit(_members, _marks, transaction, closing).RunAsync();
        }
        finally
        {
            _commits.Release();
        }
    }

    /// <summary>One that writes nothing is a read.</summary>
    private async Task<MetadataCommit> TestAsync(EtcdTransaction transaction, CancellationToken closing)
    {
        try
        {
            return transaction.Read(await _members.CallAsync(EtcdMethods.Txn, transaction.Request(mark: null), closing));
        }
        catch (GrpcException e)
        {
            throw EtcdRefusals.Explain(e, nothingChanged: true);
        }
    }
}
