using Broker.Machines.Cluster;
using Broker.Storage;
using Broker.Storage.Disks;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>What goes wrong.</summary>
internal sealed partial class ClusterWorld
{
    private void Start(SimulatedMember member)
    {
        for (var tries = 0; member.Life is null; tries++)
        {
            Assert.True(tries < 100, $"{member} does not start");
            try
            {
                var life = MemberLife.Start(this, member, new NodeLife(member.Name, ++_incarnation));
                life.StartedAt = Now;
                member.Life = life;
                Seen.Count("torn tails", life.Storage.Recovery.TornTails.Count);
                foreach (var shard in life.Storage.Recovery.Shards.Values)
                {
                    _equalReplicas.Look(member.Name, shard);
                    Seen.Count("recovered in the middle of a snapshot", shard.IsInstalling ? 1 : 0);
                }

                if (Metadata.Alive.ContainsKey(member.Name))
                {
                    Register(member, life); // before its lease of the life before has ended
                }
            }
            catch (DiskCrashedException)
            {
                member.LoseDisk(lossless: Random.Next(3) == 0);
            }
            catch (StoreException e) when (member.IsDamaged)
            {
                Trace($"{member.Name} refuses its store: {e.Message}");
                Seen.Count("damage found at a start");
                MoveStoreAway(member);
            }
        }

        SetDiskFull(member, member.IsDiskFull);
    }

    private void Fault()
    {
        var member = Members[Random.Next(Members.Count)];
        var kind = Random.Next(24);
        switch (kind)
        {
            case 0 or 1 when member.IsRunning:
                Note("crash", member);
                Crash(member);
                break;
            case 2 when member is { IsRunning: true, Disk.HasCrashed: false }:
                Note("crash at a disk operation", member);
                member.Disk.CrashAt(member.Disk.OperationCount + 1 + Random.Next(60));
                member.IsDoomed = true;
                break;
            case 0 or 1 or 2 or 3 when !member.IsRunning:
                Note("restart", member);
                Start(member);
                break;
            case 4 when !member.IsRunning && MayLoseItsDisk(member):
                Note("emptied disk", member);
                member.ReplaceDisk(NextStore(), Random.Next());
                Start(member);
                break;
            case 5 or 6:
                CutOrMend(member, Members[Random.Next(Members.Count)], bothWays: kind == 5);
                break;
            case 7 when member.IsRunning:
                PauseOrResume(member);
                break;
            case 8:
                Note("metadata store out of reach, or back", member);
                member.HasMetadata = !member.HasMetadata;
                break;
            case 9:
                Note("suspicion for no reason", member);
                if (!Metadata.Suspected.Remove(member.Name))
                {
                    Metadata.Suspected.Add(member.Name);
                }

                break;
            case 10 when member.IsRunning:
                Note("full disk", member);
                SetDiskFull(member, !member.IsDiskFull);
                break;
            case 11:
                Note("drain, leave or up", member);
                Metadata.States[member.Name] = (NodeState)Random.Next(3);
                break;
            case 12:
                Note("another coordinator", member);
                _coordinator = new PlacementMachine(Options.Placement);
                break;
            case 13:
                Note("slow", member);
                member.IsSlow = !member.IsSlow;
                break;
            case 14 when _links.Values.SelectMany(l => l.Streams).ToList() is { Count: > 0 } streams:
                Note("a stream is reset", member);
                streams[Random.Next(streams.Count)].Reset();
                break;
            case 15:
                var link = LinksOf(member).ToList()[Random.Next(2 * (Members.Count - 1))];
                Note(link.Lag == TimeSpan.Zero ? "late packets" : "no late packets", member);
                link.Lag = link.Lag == TimeSpan.Zero ? Delay(50, 600) : TimeSpan.Zero;
                break;
            case 16:
                Note(member.IsDiskSlow ? "disk is fast again" : "slow disk", member);
                member.IsDiskSlow = !member.IsDiskSlow;
                break;
            case 17:
                Note("lost lease", member);
                LoseLease(member);
                break;
            case 18:
                JumpClock(member);
                break;
            case 19:
                Note("metadata store changes its leader", member);
                ChangeMetadataLeader();
                break;
            case 20 or 21 when MayLoseItsDisk(member) && FilesToDamage(member) is { Count: > 0 } files:
                FlipBit(member, files);
                break;
            case 22 when member.Life is { } life:
                Note("metadata read anew", member);
                ReadAnew(life);
                break;
            default:
                Note("a link breaks", member);
                LinksOf(member).ToList()[Random.Next(2 * (Members.Count - 1))].Break();
                break;
        }
    }

    private void Note(string what, SimulatedMember member)
    {
        Trace($"fault: {what}: {member}");
        Seen.Count(what);
    }

    private IEnumerable<SimulatedLink> LinksOf(SimulatedMember member) => _links.Values.Where(l => l.From == member || l.To == member);

    /// <summary>
    /// One disk at a time: with more, something is lost that nobody can bring back. One that is damaged counts as lost also while it is not in the set, which it may come back to.
    /// </summary>
    private bool MayLoseItsDisk(SimulatedMember member) => Members.All(m => m == member || !m.IsDamaged) && Enumerable.Range(0, Options.Placement.Shards).All(shard =>
    {
        var inSync = Metadata[shard].Assignment?.InSync ?? [];
        var intact = inSync.Count(r => Members.Single(m => m.Name == r.Node) is { IsDamaged: false } other && other.Store == r.Store);
        return inSync.All(r => r.Node != member.Name) || (intact == inSync.Count && inSync.Count > 1);
    });

    private void Crash(SimulatedMember member)
    {
        member.Crash(lossless: Random.Next(3) == 0);
        foreach (var link in LinksOf(member))
        {
            link.Break();
        }
    }

    private void CutOrMend(SimulatedMember one, SimulatedMember other, bool bothWays)
    {
        if (one == other)
        {
            return;
        }

        Note(bothWays ? "cut, or mended" : "cut one way, or mended", one);
        var link = _links[(one.Name, other.Name)];
        Cut(link, !link.IsCut);
        if (bothWays)
        {
            Cut(_links[(other.Name, one.Name)], link.IsCut);
        }
    }

    private static void Cut(SimulatedLink link, bool isCut)
    {
        link.IsCut = isCut;
        if (isCut)
        {
            link.Break();
        }
    }

    /// <summary>Who is paused for long is taken for dead by the others, and finds its links broken.</summary>
    private void PauseOrResume(SimulatedMember member)
    {
        Note("pause, or its end", member);
        var life = member.Life;
        member.IsPaused = !member.IsPaused;
        if (member.IsPaused)
        {
            Later(TimeSpan.FromSeconds(1), () =>
            {
                if (member.IsPaused && member.Life == life)
                {
                    LinksOf(member).ToList().ForEach(l => l.Break());
                }
            });
        }
    }

    /// <summary>No new space can be had; what a file has it keeps.</summary>
    private static void SetDiskFull(SimulatedMember member, bool isFull)
    {
        member.IsDiskFull = isFull;
        member.Disk.OnOperation = !isFull ? null : operation =>
            operation.Kind is DiskOperationKind.Create or DiskOperationKind.Allocate || (operation.Kind == DiskOperationKind.Write && operation.Path.StartsWith("queues", StringComparison.Ordinal))
                ? DiskError.Full
                : null;
    }

    /// <summary>What an operator does with a store that is damaged: the peers have everything.</summary>
    private void MoveStoreAway(SimulatedMember member)
    {
        Trace($"the store of {member.Name} is moved away");
        member.ReplaceDisk(NextStore(), Random.Next());
    }

    /// <summary>
    /// Segments, and while the node is down also files of the log that were synced before the last one was begun: what the last group of all has lost to damage looks like what the
    /// power took, and nobody
    /// can tell.
    /// </summary>
    private static List<string> FilesToDamage(SimulatedMember member)
    {
        var disk = member.Disk;
        if (disk.HasCrashed || member.IsDoomed)
        {
            return [];
        }

        List<string> segments = [.. disk.ListFolders("queues").SelectMany(q => disk.ListFiles($"queues/{q}").Select(f => $"queues/{q}/{f}"))];
        return member.IsRunning ? segments : [.. segments, .. disk.ListFiles("log").SkipLast(2).Select(f => $"log/{f}")];
    }

    private void FlipBit(SimulatedMember member, List<string> files)
    {
        var file = files[Random.Next(files.Count)];
        var written = member.Disk.ReadAll(file).AsSpan().TrimEnd((byte)0).Length;
        if (written > 0)
        {
            Note(member.IsRunning ? "bit flip in a segment" : "bit flip while down", member);
            member.IsDamaged = true;
            member.Disk.FlipBit(file, Random.Next(written), Random.Next(8));
            if (!member.IsRunning)
            {
                Start(member);
            }
        }
    }

    /// <summary>The wall clock is set, forwards or backwards. What is measured with the other one goes on.</summary>
    private void JumpClock(SimulatedMember member)
    {
        var to = Random.Next(3) switch { 0 => TimeSpan.Zero, 1 => Delay(-5000, 5000), _ => TimeSpan.FromHours(Random.Next(-30, 31)) };
        Note(to < member.ClockOffset ? "clock jumps backwards" : "clock jumps forwards", member);
        if (member.Life is { } life)
        {
            life.Time.WallOffset += to - member.ClockOffset;
        }

        member.ClockOffset = to;
    }

    private void Heal()
    {
        Trace("healed");
        IsCalm = true;
        Metadata.HangsUntil = Now;
        Metadata.Suspected.Clear();
        foreach (var link in _links.Values)
        {
            link.IsCut = false;
            link.Lag = TimeSpan.Zero;
        }

        foreach (var member in Members)
        {
            if (member is { IsRunning: true, IsDoomed: true })
            {
                Crash(member); // now, rather than when all is to be well
            }

            Metadata.States[member.Name] = NodeState.Up;
            member.HasMetadata = true;
            member.IsPaused = member.IsSlow = member.IsDiskSlow = false;
            if (member.IsDamaged)
            {
                Seen.Count("damage that nobody has met");
                if (member.IsRunning)
                {
                    Crash(member);
                }

                MoveStoreAway(member);
            }

            if (member.IsRunning)
            {
                SetDiskFull(member, false);
            }
            else
            {
                member.IsDiskFull = false;
                Start(member);
            }
        }
    }
}
