using Broker.Storage.Records;

namespace Broker.Coordination.Embedded;

/// <summary>Transactions and leases.</summary>
public sealed partial class EmbeddedMetadataStore
{
    private readonly Dictionary<long, EmbeddedLease> _leases = [];
    private long _lastLease;

    /// <inheritdoc/>
    /// <exception cref="MetadataUnavailableException">The log has failed, or the values would exceed <see cref="EmbeddedMetadataOptions.MaxTreeBytes"/>.</exception>
    public Task<MetadataCommit> CommitAsync(MetadataTransaction transaction, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckTransaction(transaction);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<MetadataCommit>(cancellationToken);
        }

        var answered = Submit(tree => tree.Apply(transaction));
        return cancellationToken.CanBeCanceled ? answered.WaitAsync(cancellationToken) : answered;
    }

    /// <inheritdoc/>
    public Task<IMetadataLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckTimeToLive(timeToLive);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<IMetadataLease>(cancellationToken);
        }

        lock (_gate)
        {
            if (Refusal() is { } refusal)
            {
                return Task.FromException<IMetadataLease>(refusal);
            }

            // The same numbers come again after a start, when nothing is left of those who had them.
            var lease = new EmbeddedLease(this, ++_lastLease);
            _leases.Add(lease.Id, lease);
            _pending = _pending.Grant(lease.Id);
            return Task.FromResult<IMetadataLease>(lease);
        }
    }

    /// <summary>Ends a lease; completes when its keys are gone, or the store is.</summary>
    internal async ValueTask RevokeAsync(EmbeddedLease lease)
    {
        Task<MetadataCommit> answered;
        lock (_gate)
        {
            answered = Submit(tree => tree.EndLease(lease.Id));
            _leases.Remove(lease.Id);
        }

        lease.End();
        try
        {
            await answered;
        }
        catch (MetadataUnavailableException)
        {
            // Its keys go with the process, and nobody reads them as those of a lease that lives: it is lost.
        }
    }

    private Task<MetadataCommit> Submit(Func<MetadataTree, MetadataOutcome> decide)
    {
        lock (_gate)
        {
            if (Refusal() is { } refusal)
            {
                return Task.FromException<MetadataCommit>(refusal);
            }

            var outcome = decide(_pending);
            if (Objection(outcome) is { } objection)
            {
                return Task.FromException<MetadataCommit>(objection);
            }

            _pending = outcome.Tree;
            if (outcome.Change is null && _underWay.Count == 0)
            {
                return Task.FromResult(outcome.Commit);
            }

            var commit = new PendingCommit
            {
                Tree = outcome.Tree,
                Change = outcome.Change,
                Answer = outcome.Commit,
                Record = outcome.Change is null ? null : NewRecord(RecordKind.Operations, MetadataEncoding.EncodeTransaction(outcome.Change, outcome.Vanished)),
            };
            Append(commit);
            return commit.Answered;
        }
    }

    private void Append(PendingCommit commit)
    {
        // Queued first: a log that has failed says so within the call.
        _underWay.Enqueue(commit);
        if (commit.Record is not null)
        {
            _log.Append(commit.Record);
        }
    }

    private Record NewRecord(RecordKind kind, byte[] operations) =>
        new() { Client = _client, Kind = kind, Entity = Entity, Index = ++_lastIndex, Operations = operations };

    private MetadataUnavailableException? Refusal() => _isClosed ? Closed() : _failure is null ? null : new MetadataUnavailableException(_failure, nothingChanged: true);

    private IOException? Objection(MetadataOutcome outcome)
    {
        if (outcome.MissingLease != 0)
        {
            return new MetadataLeaseEndedException($"lease {outcome.MissingLease} has ended, or never was", outcome.MissingLease);
        }

        return outcome.Tree.Bytes > _options.MaxTreeBytes && outcome.Tree.Bytes > _pending.Bytes
            ? new MetadataUnavailableException($"the metadata store would have {outcome.Tree.Bytes} bytes of keys and values; it takes {_options.MaxTreeBytes}", nothingChanged: true)
            : null;
    }
}
