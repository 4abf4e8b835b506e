using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;

namespace Broker.Coordination.Etcd;

/// <summary>
/// One watch. It reads only when its reader does; what the reader has not read yet is etcd's, which may compact it away. When its member is gone, or has nothing to say, not even that it is
/// there, it goes on at the next one, behind the last revision that the reader knows.
/// </summary>
internal sealed class EtcdWatch(EtcdMembers members, EtcdKeys keys, string prefix, long after) : IAsyncDisposable
{
    private long _after = after;
    private GrpcStream<WatchResponse>? _stream;
    private EtcdTries _tries = new(members, members.Options.Patience);

    /// <summary>The next changes; maybe none.</summary>
    /// <exception cref="MetadataCompactedException">They are not known any more.</exception>
    /// <exception cref="MetadataUnavailableException">etcd refuses the watch, or has not answered from the beginning.</exception>
    public async Task<IReadOnlyList<MetadataChange>> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                _stream ??= await OpenAsync(cancellationToken);
                var response = await ReadAsync(_stream, cancellationToken);
                members.CheckCluster(_tries.Member, response.Header);
                Check(response);

                // Once there was an answer, it waits for another one as long as it takes: nothing is missed meanwhile.
                _tries = new EtcdTries(members, Timeout.InfiniteTimeSpan) { Member = _tries.Member };
                return Group(response);
            }
            catch (GrpcException e) when (e.IsRefusal)
            {
                throw EtcdRefusals.Explain(e, nothingChanged: false);
            }
            catch (Exception e) when (e is GrpcException or TimeoutException)
            {
                await DropAsync();
                var failure = e as GrpcException ?? new IOException($"a watch has heard nothing for {members.Options.WatchPatience.TotalSeconds:0.###} s");
                await _tries.FailAsync(failure, nothingChanged: false, cancellationToken);
            }
        }
    }

    public ValueTask DisposeAsync() => DropAsync();

    private async Task<GrpcStream<WatchResponse>> OpenAsync(CancellationToken cancellationToken)
    {
        // From the last known revision and not the one behind it: etcd keeps what came after the revision that it was compacted to, but not all of that one. What is known is left out below.
        var request = new WatchCreateRequest { Key = keys.Of(prefix), RangeEnd = keys.EndOf(prefix), StartRevision = Math.Max(_after, 1) };
        var stream = members.Watch(_tries.Next());
        try
        {
            await stream.WriteAsync(new WatchRequest { CreateRequest = request }, cancellationToken).WaitAsync(members.Options.WatchPatience, members.Time, cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private async Task<WatchResponse> ReadAsync(GrpcStream<WatchResponse> stream, CancellationToken cancellationToken)
    {
        var options = members.Options;
        try
        {
            return await stream.ReadAsync(options.WatchSilence, members.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The answer is a sign of life and no more: some versions of etcd send it before changes that are older.
            var rest = options.WatchPatience - options.WatchSilence;
            await stream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, cancellationToken).WaitAsync(rest, members.Time, cancellationToken);
            return await stream.ReadAsync(rest, members.Time, cancellationToken);
        }
    }

    private void Check(WatchResponse response)
    {
        if (response.CompactRevision > 0)
        {
            throw new MetadataCompactedException(
                $"the changes after revision {_after} are no longer known, only those after revision {response.CompactRevision}: read again, and watch from there", response.CompactRevision);
        }

        if (response is { Created: true, Canceled: true })
        {
            throw EtcdRefusals.Explain(new GrpcException(GrpcStatus.PermissionDenied, response.CancelReason), nothingChanged: false);
        }

        if (response.Canceled)
        {
            throw new GrpcException(GrpcStatus.Unavailable, $"it has ended the watch: {response.CancelReason}");
        }
    }

    private List<MetadataChange> Group(WatchResponse response)
    {
        var changes = new List<MetadataChange>();
        foreach (var events in response.Events.Where(each => each.Kv.ModRevision > _after).GroupBy(each => each.Kv.ModRevision))
        {
            _after = events.Key;
            changes.Add(new MetadataChange(
                _after,
                [.. events.Where(each => each.Type == Event.Types.EventType.Put).Select(each => keys.ValueOf(each.Kv))],
                [.. events.Where(each => each.Type == Event.Types.EventType.Delete).Select(each => keys.From(each.Kv.Key))]));
        }

        return changes;
    }

    private async ValueTask DropAsync()
    {
        if (_stream is { } stream)
        {
            _stream = null;
            await stream.DisposeAsync();
        }
    }
}
