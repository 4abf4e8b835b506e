using System.Text;

namespace Broker.Actors.Runtime;

/// <summary>
/// Where an actor stands in the hierarchy: <c>/user/region/7/orders</c>. A path outlives the actor: a later actor may take the same
/// path, with another <see cref="Uid"/>.
/// </summary>
/// <remarks>Equality compares system name and elements, not <see cref="Uid"/>; <see cref="ActorRef"/> compares both.</remarks>
public sealed class ActorPath : IEquatable<ActorPath>
{
    /// <summary>Longest permitted element, in characters: a name of 255 UTF-8 bytes, each percent-encoded, with room to spare.</summary>
    public const int MaxNameLength = 2048;

    private const string AllowedPunctuation = "-_.*$+:@&=,!~';()";

    private ActorPath(string systemName, ActorPath? parent, string name, long uid)
    {
        SystemName = systemName;
        Parent = parent;
        Name = name;
        Uid = uid;
    }

    /// <summary>The path <c>/</c> of a system.</summary>
    public static ActorPath Root(string systemName) => new(systemName, null, "", 0);

    /// <summary>Name of the system that the path belongs to.</summary>
    public string SystemName { get; }

    /// <summary><c>null</c> for the root.</summary>
    public ActorPath? Parent { get; }

    /// <summary>The last element; empty for the root.</summary>
    public string Name { get; }

    /// <summary>Tells one life of the path from the next. Unique in the system, except 0, which is "no particular life".</summary>
    public long Uid { get; }

    /// <summary>The path of a child. The name is not checked here, see <see cref="ValidateName"/>.</summary>
    public ActorPath Child(string name, long uid) => new(SystemName, this, name, uid);

    /// <summary>
    /// Throws unless the name is 1 to <see cref="MaxNameLength"/> characters of ASCII letters, digits, <c>-_.*$+:@&amp;=,!~';()</c>
    /// and <c>%XX</c>, and does not start with <c>$</c>, which marks names that the system gives. <see cref="EncodeName"/> makes
    /// such a name of any text.
    /// </summary>
    /// <exception cref="ArgumentException">The name is not a path element.</exception>
    public static void ValidateName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > MaxNameLength)
        {
            throw new ArgumentException(
                $"An actor's name has 1 to {MaxNameLength} characters, this one has {name.Length}.", nameof(name));
        }

        if (name[0] == '$')
        {
            throw new ArgumentException($"'{name}' starts with '$', which is kept for generated names.", nameof(name));
        }

        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            var escape = c == '%' && i + 2 < name.Length && char.IsAsciiHexDigit(name[i + 1]) && char.IsAsciiHexDigit(name[i + 2]);
            if (!escape && !char.IsAsciiLetterOrDigit(c) && !AllowedPunctuation.Contains(c))
            {
                throw new ArgumentException(
                    $"'{name}' is not a path element: character {i} is not allowed. Use ActorPath.EncodeName.", nameof(name));
            }
        }
    }

    /// <summary>
    /// Makes a path element of any well-formed text, one to one: RFC 3986 percent-encoding of its UTF-8; the empty text becomes <c>@</c>,
    /// which no other text encodes to.
    /// </summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, so it has no UTF-8.</exception>
    public static string EncodeName(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length == 0)
        {
            return "@";
        }

        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                throw new ArgumentException("The text is not well-formed UTF-16.", nameof(text));
            }

            rest = rest[consumed..];
        }

        return Uri.EscapeDataString(text);
    }

    /// <inheritdoc/>
    public bool Equals(ActorPath? other)
    {
        var (a, b) = (this, other);
        while (!ReferenceEquals(a, b))
        {
            if (a is null || b is null || a.Name != b.Name)
            {
                return false;
            }

            if (a.Parent is null && b.Parent is null)
            {
                return a.SystemName == b.SystemName;
            }

            (a, b) = (a.Parent, b.Parent);
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ActorPath);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Parent?.Name, SystemName);

    /// <summary>The elements after the system: <c>/user/region/7/orders</c>.</summary>
    public override string ToString()
    {
        if (Parent is null)
        {
            return "/";
        }

        var elements = new List<string>();
        for (var path = this; path.Parent is not null; path = path.Parent)
        {
            elements.Add(path.Name);
        }

        elements.Reverse();
        return "/" + string.Join('/', elements);
    }
}
