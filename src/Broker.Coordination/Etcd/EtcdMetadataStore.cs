using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;
using Google.Protobuf;

namespace Broker.Coordination.Etcd;

/// <summary>The metadata of a cluster, in etcd 3.4 or 3.5.</summary>
/// <remarks>
/// <para>A member that hangs costs one <see cref="EtcdOptions.TryTimeout"/>; then the next one is asked, until <see cref="EtcdOptions.Patience"/> is over. A read may be repeated, and is. A
/// transaction is not: if no answer comes, it is found out whether it took place, and if not, it is first made impossible that it still does (<see cref="EtcdMark"/>). So
/// <see cref="CommitAsync"/> answers with what is certain, and throws an exception without <see cref="MetadataUnavailableException.NothingChanged"/> only if etcd does not answer for that
/// either, or for a transaction of <see cref="MetadataLimits.MaxOperations"/> conditions or operations, in which there is no room for a mark.</para>
/// <para>A watch outlives etcd's outages; only one that got no answer from the beginning gives up. A lease outlives outages shorter than itself.</para>
/// <para><b>A lease is no lock.</b> etcd may delete the keys of a lease that is still renewed: when its leader was paused for longer than the lease lasts, it does so as soon as it goes on.
/// <see cref="IMetadataLease.Lost"/> tells that late, or never. So an owner watches the key that it has put under its lease, and when that key is deleted, it is owner no more; and what
/// must not be done by two at once is decided by an epoch that whoever does it checks, never by a lease.</para>
/// </remarks>
public sealed partial class EtcdMetadataStore : IMetadataStore
{
    private readonly CancellationTokenSource _closing = new(); // not disposed of: calls may still ask for its token
    private readonly Lock _gate = new();
    private readonly EtcdMembers _members;
    private readonly EtcdKeys _keys;
    private readonly EtcdMarks _marks;
    private bool _isClosed;

    private EtcdMetadataStore(EtcdOptions options, TimeProvider time)
    {
        _members = new EtcdMembers(options, time);
        _keys = new EtcdKeys(options.KeyPrefix);
        _marks = new EtcdMarks(_members, _keys);
    }

    /// <summary>Makes a store. It connects when it is first used, so that a node may start before etcd does.</summary>
    /// <param name="options">Where etcd is.</param>
    /// <param name="time">Clock of timeouts and leases; <c>null</c> for the system's.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static EtcdMetadataStore Open(EtcdOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new EtcdMetadataStore(options, time ?? TimeProvider.System);
    }

    /// <inheritdoc/>
    public Task<MetadataSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckPrefix(prefix);
        return UntilClosedAsync(token => ReadPagesAsync(prefix, token), cancellationToken);
    }

    /// <summary>Ends what is under way, watches and leases. The keys of leases that were not disposed of stay until their time is over, as if the process had ended.</summary>
    public async ValueTask DisposeAsync()
    {
        List<EtcdLease> leases;
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            leases = [.. _leases];
        }

        await _closing.CancelAsync();
        leases.ForEach(lease => lease.End());
        await _marks.CloseAsync();
        _members.Dispose();
    }

    private static MetadataUnavailableException Closed(bool nothingChanged) => new("the metadata store was closed", nothingChanged);

    private async Task<MetadataSnapshot> ReadPagesAsync(string prefix, CancellationToken cancellationToken)
    {
        var tries = new EtcdTries(_members, _members.Options.Patience);
        while (true)
        {
            try
            {
                return await ReadPagesOnceAsync(prefix, cancellationToken);
            }
            catch (GrpcException e) when (e.Status == GrpcStatus.OutOfRange)
            {
                // Compacted between two pages.
                tries.Next();
                await tries.FailAsync(e, nothingChanged: false, cancellationToken);
            }
            catch (GrpcException e)
            {
                throw EtcdRefusals.Explain(e, nothingChanged: false);
            }
        }
    }

    // All pages are of the revision of the first one.
    private async Task<MetadataSnapshot> ReadPagesOnceAsync(string prefix, CancellationToken cancellationToken)
    {
        var values = new List<MetadataValue>();
        var request = new RangeRequest { Key = _keys.Of(prefix), RangeEnd = _keys.EndOf(prefix), Limit = _members.Options.PageKeys };
        while (true)
        {
            var page = await _members.CallAsync(EtcdMethods.Range, request, cancellationToken);
            request.Revision = request.Revision == 0 ? page.Header.Revision : request.Revision;
            values.AddRange(page.Kvs.Select(_keys.ValueOf));
            if (!page.More)
            {
                return new MetadataSnapshot(request.Revision, values);
            }

            request.Key = ByteString.CopyFrom([.. page.Kvs[^1].Key.Span, 0]); // the first key behind it
        }
    }

    private async Task<T> UntilClosedAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_closing.IsCancellationRequested)
        {
            throw Closed(nothingChanged: true);
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        try
        {
            return await call(either.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && _closing.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Closed(nothingChanged: false);
        }
    }
}
